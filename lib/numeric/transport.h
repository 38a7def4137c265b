/* transport.h - the cheapest way to carry what there is to where it is wanted. */
#ifndef VS_NUMERIC_TRANSPORT_H
#define VS_NUMERIC_TRANSPORT_H

#include "../base/status.h"

/* vs_transport() - the transport problem, exactly: flow[i,j] >= 0, of which row i sums to supply[i] and column j to demand[j],
 * with the least sum of cost * flow.
 *   supply [m], demand [n]: none negative, their sums equal (to 1e-9 of them)   cost [m,n]: none negative
 *   flow [m,n] out   total (may be NULL) out: the least sum
 * Amounts that are whole numbers stay whole, so nothing is lost to rounding.
 * VS_OK | VS_E_RANGE (a negative amount or cost, sums that differ) | VS_E_NUMERIC (NaN or an infinity) | VS_E_NOMEM |
 * VS_E_STOPPED.  Successive shortest paths with Dijkstra over reduced costs (Ahuja, Magnanti and Orlin, Network Flows, 9.7):
 * O(m n) a path, some m + n paths. */
vs_status vs_transport(vs_err *err, const double *supply, size_t m, const double *demand, size_t n, const double *cost,
                       double *flow, double *total) VS_MUST_CHECK;

#endif
