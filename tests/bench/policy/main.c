#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"
int sim_synth(struct sim_trace *t, const char *name, u32 *phase){(void)t;(void)name;(void)phase;return -1;}
int main(int argc,char**argv){
 struct sim_trace t; u32 phase; struct sim_options o={.batch=32,.get_ns=20000,.put_ns=20000,.poll_ns=100000000,.features=F_GENERATION|F_TAIL|F_INHERIT,.ghost_eighths=8};
 double sizes[]={.5,1,2,5,10,20,40,80};
 const char*pol=argc>2?argv[2]:"lru,fifo,sieve,s3,arc,lhd,klru,adaptive,belady";
 if(getenv("FEAT"))o.features=strtoul(getenv("FEAT"),0,0);
 if(getenv("GHOST"))o.ghost_eighths=atoi(getenv("GHOST"));
 if(getenv("BATCH"))o.batch=atoi(getenv("BATCH"));
 if(getenv("POLL"))o.poll_ns=atof(getenv("POLL"))*1e6;
 if(getenv("RT"))o.realtime=1,o.poll_ns=1e9;
 if(sim_load(&t,argv[1],&phase))return 1;
 if(getenv("PART"))sim_part(&t,getenv("PART"),&phase);
 struct{const char*n;int(*run)(struct sim_trace*,u32,const struct sim_options*,struct sim_result*);}p[]={{"lru",run_lru},{"fifo",run_fifo},{"sieve",run_sieve},{"s3",run_s3fifo},{"arc",run_arc},{"lhd",run_lhd},{"klru",run_kernel_lru},{"adaptive",run_kernel},{"belady",run_belady}};
 for(int i=0;i<9;i++){ if(!strstr(pol,p[i].n)||(!strcmp(p[i].n,"lru")&&strncmp(pol,"lru",3)))continue; printf("%-9s",p[i].n);for(int s=0;s<8;s++){struct sim_result r={0};if(getenv("WIN")&&atoi(getenv("WIN"))!=s)continue;if(getenv("WIN"))r.window_hits=calloc(4,t.nr_refs/SIM_WINDOW+1);u32 cap=t.distinct*sizes[s]/100;p[i].run(&t,cap,&o,&r);printf(" %6.2f",100.0*r.hits/r.refs);if(getenv("WIN")){u32 nw=r.refs/SIM_WINDOW;for(int q=0;q<12;q++){u32 hh=0;for(u32 w=q*nw/12;w<(q+1)*nw/12;w++)hh+=r.window_hits[w];printf(" %5.1f",12.0*hh/nw/10);}free(r.window_hits);}}puts("");}
}
